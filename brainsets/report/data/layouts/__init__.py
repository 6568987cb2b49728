"""How files of recordings are laid out, a module for each layout."""
