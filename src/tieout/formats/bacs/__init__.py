"""British payments: Bacs Standard 18 files, which we write."""
