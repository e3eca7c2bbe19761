"""What each operation does. The modules here load when one of their operations is first called."""
