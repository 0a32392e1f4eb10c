export default {
  title: 'a WebSocket message of 100 octets and its echo',
  load: 'loads/websocket-echo.mjs',
  servers: {
    jackfield: { command: [process.execPath, 'servers/websocket-jackfield.mjs'] },
    ws: { command: [process.execPath, 'servers/websocket-ws.mjs'] },
  },
  targets: { ws: 0.9 },
};
