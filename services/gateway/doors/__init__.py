"""One folder for each dialect: how it is read, what it says, how it is answered."""
