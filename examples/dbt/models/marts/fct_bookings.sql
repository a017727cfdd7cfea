select b.booking_no, b.patron_no, b.email, b.show_id, b.seats, b.amount, b.booked_at
from {{ ref('stg_bookings') }} as b
where b.status = 'paid'
