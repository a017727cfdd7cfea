select
    booking_no,
    nullif(patron_no, '') as patron_no,
    nullif(email, '') as email,
    show_id,
    seats,
    cast(amount as decimal(10, 2)) as amount,
    status,
    cast(booked_at as timestamp) as booked_at
from {{ ref('box_office') }}
