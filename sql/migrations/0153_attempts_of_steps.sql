-- compatible from: 0036
-- A step of a simulation that ends its process, or exceeds its time, is repeated a limited number of times.

ALTER TABLE ai_simulations ADD COLUMN step_attempts integer NOT NULL DEFAULT 0;
