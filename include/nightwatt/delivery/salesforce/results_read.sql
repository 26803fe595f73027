-- The rows of one result file.
insert into {into}
select
    {key} as external_id,
    {outcome} as outcome,
    {remote_id} as remote_id,
    {is_created} as is_created,
    {error_code} as error_code,
    {message} as message
from {relation}
