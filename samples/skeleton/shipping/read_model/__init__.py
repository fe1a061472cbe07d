"""The read model: the parcel list, in the form in which it is shown."""
