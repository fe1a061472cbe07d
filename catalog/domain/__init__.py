"""The model of what we sell: pure, and ignorant of time, storage and the web."""
