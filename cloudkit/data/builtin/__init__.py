"""The built-in tables, files only; spec/tools/build_data.py writes them and SOURCES.md says where they come from."""
