"""What goes wrong in departments' tables: kinds of defects and of harmless dirt, and where they are planted."""
