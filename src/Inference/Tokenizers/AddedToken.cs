namespace KvCluster.Inference.Tokenizers;

/// <summary>A token found in the text before the model sees it; flags as in tokenizer.json.</summary>
/// <param name="Id">Its id; may also be one of the model's.</param>
/// <param name="Content">What is looked for in the text.</param>
/// <param name="IsSpecial">A control token: hidden in output, and not parsed in content of users.</param>
/// <param name="IsSingleWord">Only between characters that are no letters, digits or underscores.</param>
/// <param name="StripsLeft">Takes the whitespace before it.</param>
/// <param name="StripsRight">Takes the whitespace after it.</param>
/// <param name="IsNormalized">Looked for after normalisation, itself normalised.</param>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsSingleWord, bool StripsLeft, bool StripsRight, bool IsNormalized);
