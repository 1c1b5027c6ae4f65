-- What is known of calls at real telephone systems, and how long they hold their slots without further evidence; times are
-- epoch milliseconds.

-- Which account of the backend it lives in; none where there is one alone.
ALTER TABLE calls ADD COLUMN account TEXT;
-- 'out' or 'in', as its owner sees it.
ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'out';
-- 1: found at the backend, not placed by us.
ALTER TABLE calls ADD COLUMN external BIGINT NOT NULL DEFAULT 0;
-- When it ends whatever evidence there is.
ALTER TABLE calls ADD COLUMN cap_at BIGINT NOT NULL DEFAULT 0;
-- Milliseconds that evidence counts, and that the slot is held beyond them while nobody can ask.
ALTER TABLE calls ADD COLUMN lease_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN blind_ms BIGINT NOT NULL DEFAULT 0;
-- When it ends unless it was answered, where the backend can tell.
ALTER TABLE calls ADD COLUMN ring_until BIGINT;
-- When there first was evidence of an answer, when a list of the backend first held it, the begin of the first list that did not
-- hold it any more, since when the backend cannot be asked.
ALTER TABLE calls ADD COLUMN answered_at BIGINT;
ALTER TABLE calls ADD COLUMN listed_at BIGINT;
ALTER TABLE calls ADD COLUMN absent_at BIGINT;
ALTER TABLE calls ADD COLUMN frozen_at BIGINT;
-- What the backend said of its end.
ALTER TABLE calls ADD COLUMN backend_cause TEXT;

UPDATE calls SET cap_at = lease_expires_at, lease_ms = lease_expires_at - reserved_at;

CREATE INDEX calls_at_backend ON calls (backend, backend_call_id) WHERE backend_call_id IS NOT NULL;
CREATE INDEX calls_open ON calls (backend, reserved_at) WHERE ended_at IS NULL;
CREATE INDEX calls_unanswered ON calls (ring_until) WHERE ended_at IS NULL AND answered_at IS NULL AND ring_until IS NOT NULL;
