select patron_no, email, first_name, newsletter, changed_at
from {{ ref('stg_patrons') }}
