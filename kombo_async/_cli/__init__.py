"""The command line: `kombo-async demo | check | upload | export | sandbox`."""
