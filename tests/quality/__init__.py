"""How much of what divisible units could reach a round reaches: random cases, a linear program, a plain reference."""
