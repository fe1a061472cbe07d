"""What every context needs of the technology around it: database, settings, web."""
