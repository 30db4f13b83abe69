"""The only state of fedsched, behind one protocol; it keeps what it is given and knows no meaning."""
