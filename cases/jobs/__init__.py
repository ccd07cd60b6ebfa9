"""How a row that is a job gets a worker, and what happens when that worker is lost."""
