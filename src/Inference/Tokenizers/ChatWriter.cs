namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Builds a prompt of control tokens and text. Text between two control tokens is encoded in one go, as merges may cross the
/// border of role and content, and never as control tokens: a user cannot write a turn of the assistant.
/// </summary>
internal sealed class ChatWriter(Tokenizer tokenizer)
{
    private readonly List<int> _ids = [];
    private string _text = "";

    public ChatWriter Control(int id)
    {
        FlushText();
        _ids.Add(id);
        return this;
    }

    public ChatWriter Text(string text)
    {
        _text += text;
        return this;
    }

    public int[] Finish()
    {
        FlushText();
        return [.. _ids];
    }

    private void FlushText()
    {
        if (_text.Length > 0)
        {
            _ids.AddRange(tokenizer.Encode(_text, addSpecialTokens: false, parseSpecialTokens: false));
            _text = "";
        }
    }
}
