"""Who may ask for what: one place that every request passes, whatever route would answer it."""
