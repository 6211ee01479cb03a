print("clew-bench")
