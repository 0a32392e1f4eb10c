/** Reads bodies as text. It stands for the classic dialect: both change how messages are read. */
export default async function textBodies(scope) {
  scope.addContentTypeParser('text/html', { parseAs: 'string' }, (_request, body, done) => done(null, body));
}
