"""The file as it is: opened, its types known, its objects met one by one."""
