"""Which class is each loan in, month by month, and by which rule."""
