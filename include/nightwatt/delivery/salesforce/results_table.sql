-- The result rows of one delivered file, without its values.
create or replace temp table {into} (
    external_id varchar not null,
    outcome varchar not null,
    remote_id varchar,
    is_created boolean,
    error_code varchar,
    message varchar
)
