"""Who may do what: principals with scopes, and the tokens that show who one is."""
