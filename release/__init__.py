"""Makes the files of a release, and tries them: see `docs/releasing.md`."""
