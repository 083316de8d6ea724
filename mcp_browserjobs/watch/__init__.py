"""Who looks at a job, and when."""
