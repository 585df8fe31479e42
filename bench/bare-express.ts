import express from 'express';

/**
 * The yardstick: Express as it comes. A JSON body read, 202; and a user, as SUMMARY has it,
 * answered as JSON.
 */
const app = express();
app.use(express.json());
app.get('/health', (_request, response) => {
  response.json({ status: 'ok' });
});
const summary = JSON.parse(process.env['SUMMARY'] ?? '{}') as object;
app.get('/users/:id/summary', (_request, response) => {
  response.json(summary);
});
app.post('/events', (request, response) => {
  const { event_id } = request.body as { event_id: string };
  response.status(202).json({ event_id, status: 'pending', duplicate: false, deliveries: [] });
});
app.listen(Number(process.env['PORT']), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
