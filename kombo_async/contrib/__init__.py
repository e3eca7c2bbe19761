"""How the client fits into what others have made: web frameworks, task queues, tracing. Each needs an extra."""
