"""The web page and `/_sandbox`, the admin API."""
