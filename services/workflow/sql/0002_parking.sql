-- Runs that wait long leave memory: `wake_at` is when such a run has to be in memory again. Null: it is in memory.

alter table workflow.run add column wake_at timestamptz;

drop index workflow.run_open;
-- What a take-over folds, and what comes back because it is due.
create index run_held on workflow.run (shard) where closed_at is null and wake_at is null;
create index run_wake on workflow.run (wake_at) where closed_at is null and wake_at is not null;
