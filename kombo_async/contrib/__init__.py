"""Integrations with web frameworks, task queues and tracing. Each needs an extra."""
