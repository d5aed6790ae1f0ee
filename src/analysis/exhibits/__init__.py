"""What a reader sees: cards, charts, tables and sentences made from measures, in two languages."""
