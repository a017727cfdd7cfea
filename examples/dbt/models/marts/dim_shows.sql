select show_id, title, genre, cast(plays_on as date) as plays_on
from {{ ref('shows') }}
