"""CloudEvents 1.0.2 over HTTP."""
