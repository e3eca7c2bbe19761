"""What is measured of the client at scale, scene by scene."""
