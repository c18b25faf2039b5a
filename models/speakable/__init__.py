"""How written text is spoken: numbers, dates, times, telephone numbers, money, doses, abbreviations, operator's words."""
