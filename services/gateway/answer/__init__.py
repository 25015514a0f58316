"""What is answered: decisions that a request waits for, timelines, progress, problems."""
