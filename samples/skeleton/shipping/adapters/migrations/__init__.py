"""How the tables of shipping came to be, revision by revision."""
