select
    patron_no,
    lower(trim(email_address)) as email,
    first_name,
    cast(newsletter as boolean) as newsletter,
    cast(changed_at as timestamp) as changed_at
from {{ ref('patrons') }}
