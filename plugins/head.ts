/**
 * HEAD: on every path, the header section that GET would send there, without the body.
 * Source: RFC 9110 §9.3.2. Errors: those of GET.
 */
import { definePlugin } from '../core/plugin-api.js';

export default definePlugin({
  name: 'head',
  setup({ handle, forward }) {
    handle('HEAD', '*', (request) => forward(request, 'GET'), { fallback: true });
  },
});
