/** @param {import("jackfield").PluginContext} context */
export default function hello({ handle }) {
  handle('HELLO', '/:name', ({ params }) => `hello ${params.name}\n`);
}
