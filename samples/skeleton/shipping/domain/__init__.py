"""The model of shipping: pure, and ignorant of time, storage and the web."""
