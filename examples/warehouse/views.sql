-- The files of a lake as tables, for DuckDB started beside the folder `lake`: one row a log, whichever source wrote it.
SET TimeZone = 'UTC';

CREATE OR REPLACE VIEW status AS
SELECT * EXCLUDE (_ev_late)
FROM read_parquet('lake/vehicle_status_log/**/*.parquet', union_by_name = true, hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY _ev_key ORDER BY logged_at) = 1;

CREATE OR REPLACE VIEW error AS
SELECT * EXCLUDE (_ev_late)
FROM read_parquet('lake/vehicle_api_error_log/**/*.parquet', union_by_name = true, hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY _ev_key ORDER BY logged_at) = 1;

-- The latest that was read of each vehicle: the names of a day's files rise with the time at which they were written.
CREATE OR REPLACE VIEW vehicle AS
SELECT * EXCLUDE (filename)
FROM read_parquet('lake/vehicle/**/*.parquet', union_by_name = true, hive_partitioning = true, filename = true)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY date DESC, filename DESC) = 1;

-- One row a snapshot of the watch: what it cost, and how late the logs were.
CREATE OR REPLACE VIEW cycle AS
SELECT *
FROM read_parquet('lake/cycle_finished/**/*.parquet', union_by_name = true, hive_partitioning = true);
