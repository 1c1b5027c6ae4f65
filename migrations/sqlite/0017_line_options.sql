-- Which device of a line rings, and what number the callee sees, where a backend lets them be chosen.
ALTER TABLE lines ADD COLUMN device TEXT;
ALTER TABLE lines ADD COLUMN caller_id TEXT;
