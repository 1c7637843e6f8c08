/// What `--version` of every program says: one constant for all of them.
public enum ProductVersion {
  public static let text = "0.1.0"
}
