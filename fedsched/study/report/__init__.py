"""Reports of runs: tables for terminal and page, plots, and one page that holds them all."""
