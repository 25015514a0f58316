"""What runs the stages: workers, broker, topics, settings and telemetry."""
