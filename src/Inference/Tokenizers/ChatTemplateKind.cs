namespace KvCluster.Inference.Tokenizers;

/// <summary>The conversation formats the engine renders. Templates are recognised, not run.</summary>
public enum ChatTemplateKind
{
    /// <summary>The model has no chat template.</summary>
    None,

    /// <summary>The model has a template of another format.</summary>
    Unknown,

    /// <summary>Qwen and many others: <c>&lt;|im_start|&gt;role</c>, newline, content, <c>&lt;|im_end|&gt;</c>, newline.</summary>
    ChatMl,

    /// <summary>Llama 3: a header with the role, an empty line, content, <c>&lt;|eot_id|&gt;</c>.</summary>
    Llama3,
}
