"""The code generator of kombo_async: `python -m codegen OPENAPI.json`."""
