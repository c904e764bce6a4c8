-- Runs are found by their labels; rows without any are not in the index.
create index run_by_labels on monitoring.run using gin (labels jsonb_path_ops) where labels <> '{}';
