"""What the demo model's KV cache bears when K and V are rotated across heads and each component gets its own number of bits.

    PYTHONPATH=models/demo python3 benchmarks/studies/water_filling.py 40      # rows a task; PyTorch on one GPU, about 5 minutes

Simulated with the project's meaning of a block: a token attends to its own 64-token block in 16 bits and to earlier blocks encoded.
One pass over prompt and reference answer; a row is right when every answer token is the arg max. Bases come from 200 freshly
generated documents, never from eval.jsonl. Bytes: codes, 2 bytes a token of slab headers, no parameters (all are static).
"""
import glob, gzip, json, math, random, sys, time
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
import tasks
M="models/demo/model"; PER=int(sys.argv[1]); dev="cuda"; W={}
for f in glob.glob(M+"/*.safetensors"): W.update(load_file(f))
W={k:v.float().to(dev) for k,v in W.items()}; tok=Tokenizer.from_file(M+"/tokenizer.json")
L,H,d,theta,B=8,8,64,1e5,64
inv=theta**(-torch.arange(0,d,2,device=dev).float()/d)
norm=lambda x,w:x*torch.rsqrt(x.pow(2).mean(-1,keepdim=True)+1e-5)*w
lin=torch.nn.functional.linear; sdpa=torch.nn.functional.scaled_dot_product_attention
def rope(x,pos):
    a=pos[:,None].float()*inv;c,s=torch.cos(a),torch.sin(a);x1,x2=x[...,:32],x[...,32:]
    return torch.cat([x1*c-x2*s,x2*c+x1*s],-1)
def forward(ids,f=None,take=0):
    T=len(ids);x=W["model.embed_tokens.weight"][ids];pos=torch.arange(T,device=dev);out=[]
    blk=pos//B;causal=pos[None]<=pos[:,None]
    if f: m=torch.cat([blk[None]<blk[:,None],causal&(blk[None]==blk[:,None])],1)
    for l in range(L):
        p=f"model.layers.{l}.";h=norm(x,W[p+"input_layernorm.weight"])
        q,k,v=(lin(h,W[p+f"self_attn.{n}_proj.weight"]).view(T,H,d).transpose(0,1) for n in "qkv")
        q,k=rope(q,pos),rope(k,pos)
        if f:
            k,v=k.half().float(),v.half().float();ek,ev=f(l,k,v)
            o=sdpa(q,torch.cat([ek,k],1),torch.cat([ev,v],1),attn_mask=m)
        else:
            o=sdpa(q,k,v,attn_mask=causal);out.append((q,k,v))
        x=x+lin(o.transpose(0,1).reshape(T,H*d),W[p+"self_attn.o_proj.weight"])
        h=norm(x,W[p+"post_attention_layernorm.weight"])
        x=x+lin(torch.nn.functional.silu(lin(h,W[p+"mlp.gate_proj.weight"]))*lin(h,W[p+"mlp.up_proj.weight"]),W[p+"mlp.down_proj.weight"])
    return norm(x[take:],W["model.norm.weight"])@W["model.embed_tokens.weight"].T,out
def cst_all(x,b,c):
    T=x.shape[1];y=(x/c).transpose(0,1).reshape(T,-1);lo,hi=y.amin(-1,keepdim=True),y.amax(-1,keepdim=True);s=((hi-lo)/(2**b-1)).clamp_min(1e-8)
    y=((y-lo)/s).round().clamp(0,2**b-1)*s+lo
    return y.view(T,-1,x.shape[2]).transpose(0,1)*c
rng=random.Random(4321);docs=[]
while len(docs)<200:
    ids=tok.encode("".join(t for t,_ in tasks.document(rng,rng.randint(300,4000)))).ids[:4096]
    if len(ids)>100: docs.append(torch.tensor(ids,device=dev))
n=H*d;N=0
S=[[torch.zeros(n,n,device=dev,dtype=torch.float64) for _ in "qkv"] for _ in range(L)];mu=[[torch.zeros(n,device=dev,dtype=torch.float64) for _ in "qkv"] for _ in range(L)]
amax=[[torch.zeros(n,device=dev) for _ in "kv"] for _ in range(L)]
with torch.inference_mode():
    for ids in docs:
        _,qkv=forward(ids);N+=len(ids)
        for l,t in enumerate(qkv):
            for j,x in enumerate(t):
                y=x.transpose(0,1).reshape(-1,n).double();S[l][j]+=y.T@y;mu[l][j]+=y.sum(0)
                if j: amax[l][j-1]=torch.maximum(amax[l][j-1],y.abs().amax(0).float())
for l in range(L):
    for j in range(3): mu[l][j]/=N;S[l][j]/=N
wo=[W[f"model.layers.{l}.self_attn.o_proj.weight"].T.double() for l in range(L)]
def metric(l,j,t,kind):
    G=H//t;w=t*d;out=[];I=torch.eye(w,device=dev,dtype=torch.float64)
    for g in range(G):
        if kind=="plain": out.append(I);continue
        A=torch.zeros(w,w,device=dev,dtype=torch.float64)
        for h in range(t):
            a=slice(g*w+h*d,g*w+(h+1)*d);b=slice(h*d,(h+1)*d)
            A[b,b]=S[l][0][a,a] if j==0 else wo[l][a]@wo[l][a].T
        out.append(A/A.diagonal().mean()+1e-3*I)
    return out
def build(t,kind,center=True):
    res=[];G=H//t;w=t*d
    for l in range(L):
        row=[]
        for j in (0,1):
            As=metric(l,j,t,kind);Fs,Is,ms,vs=[],[],[],[]
            for g in range(G):
                sl=slice(g*w,(g+1)*w);m=mu[l][j+1][sl] if center else torch.zeros_like(mu[l][j+1][sl])
                C=S[l][j+1][sl,sl]-torch.outer(m,m);Lc=torch.linalg.cholesky(As[g])
                e,U=torch.linalg.eigh(Lc.T@C@Lc);e,U=e.flip(-1).clamp_min(1e-12),U.flip(-1)
                Fs.append(Lc@U);Is.append(torch.linalg.solve(Lc.T,U).T);ms.append(m);vs.append(e)
            row.append((torch.stack(Fs).float(),torch.stack(Is).float(),torch.stack(ms).float(),torch.stack(vs)))
        res.append(row)
    return res
STEP=torch.tensor([0,1.596,.9957,.586,.3352,.1881,.1041,.0569,.0308],device=dev)
DIST=torch.tensor([1.0,.3634,.1188,.03744,.01154,.003495,.00104,.0003035,.0000869],device=dev,dtype=torch.float64)
def allocate(var,avg,cap=6):
    v=var.flatten();budget=int(round(avg*v.numel()));gains=DIST[:-1]-DIST[1:];lo,hi=-60.,30.
    for _ in range(100):
        mid=(lo+hi)/2;b=((gains[None,:cap]*v[:,None])>=math.exp(mid)).sum(1)
        if b.sum()>budget: lo=mid
        else: hi=mid
    return ((gains[None,:cap]*v[:,None])>=math.exp(hi)).sum(1).view(var.shape)
MAPS={}
class WF:
    def __init__(s,t,kind,bk,bv,mode="static",cap=6,center=True,layers="joint",wide=1.0):
        key=(t,kind,center)
        if key not in MAPS: MAPS[key]=build(*key)
        s.t,s.mode,s.maps=t,mode,MAPS[key];s.bits=[[None,None] for _ in range(L)]
        for j in (0,1):
            if layers=="each":
                for l in range(L): s.bits[l][j]=allocate(s.maps[l][j][3],(bk,bv)[j],cap)
            else:
                vv=torch.stack([s.maps[l][j][3]/(s.maps[l][j][3].sum() if layers=="norm" else 1) for l in range(L)]);bb=allocate(vv,(bk,bv)[j],cap)
                for l in range(L): s.bits[l][j]=bb[l]
        tot=sum(b.sum().item() for r in s.bits for b in r)/8/L
        s.bytes=tot+{"static":0,"token":2}[mode]+128/64;s.par=[]
        for l in range(L):
            row=[]
            for j in (0,1):
                b=s.bits[l][j];st=STEP[b]*s.maps[l][j][3].sqrt().float()*wide
                row.append((st.clamp_min(1e-12)[:,None],((2.0**b-1)/2)[:,None],(b>0)[:,None]))
            s.par.append(row)
    def enc(s,l,j,x):
        F,I,m,var=s.maps[l][j];st,half,on=s.par[l][j];T=x.shape[1];G=H//s.t
        y=(x.transpose(0,1).reshape(T,G,s.t*d).transpose(0,1)-m[:,None])@F
        if s.mode=="token":
            z=(y/var.sqrt().float()[:,None])*on;sc=(z.square().sum((0,2))/on.sum()).sqrt().clamp_min(.1)[None,:,None];st=st*sc
        c=torch.minimum((y/st+half).round().clamp_min(0),2*half)
        xq=((c-half)*st*on)@I+m[:,None]
        return xq.transpose(0,1).reshape(T,H,d).transpose(0,1)
    def __call__(s,l,k,v): return s.enc(l,0,k),s.enc(l,1,v)
rows=[json.loads(x) for x in gzip.open("models/demo/eval.jsonl.gz","rt")];pick={}
for r in rows:
    pick.setdefault(r["task"],[])
    if len(pick[r["task"]])<PER: pick[r["task"]].append(r)
data=[(t,tok.encode(r["prompt"]).ids,tok.encode(r["reference"]).ids+[2]) for t,rs in pick.items() for r in rs];names=sorted(pick)
cst=[[(a.clamp_min(1e-4)).sqrt().view(H,1,d) for a in amax[l]] for l in range(L)]
def run(name,f,bytes_):
    t0=time.time();ok={t:[] for t in names};nll=[]
    with torch.inference_mode():
        for t,p,a in data:
            lg,_=forward(torch.tensor(p+a[:-1],device=dev),f,len(p)-1);an=torch.tensor(a,device=dev);lp=torch.log_softmax(lg,-1)
            nll.append(-lp.gather(1,an[:,None]).mean());ok[t].append((lg.argmax(-1)==an).all())
        acc={t:torch.stack(x).float().mean().item() for t,x in ok.items()};nl=torch.stack(nll).mean().item()
    print(f"{name:44} {4*n/bytes_:6.2f} {sum(acc.values())/len(acc):6.4f}  "+" ".join(f"{acc[t]:6.3f}" for t in names)+f"  {nl:.4f} ({time.time()-t0:.0f}s)",flush=True)


if __name__ == "__main__":
    run("raw", lambda l, k, v: (k, v), 4 * n)
    for b in (4, 3): run(f"int{b} cst/token", lambda l, k, v, b=b: (cst_all(k, b, cst[l][0]), cst_all(v, b, cst[l][1])), 2 * n * b / 8 + 8 + 2)
    def go(*a,**k):
        w=WF(*a,**k);run("wf t%d %s K%.2f V%.2f "%a+" ".join(f"{x}={y}" for x,y in k.items()),w,w.bytes)
    for t in (2,4,8):
        for b in (1.5,1.2,1.0,.8,.65):
            if t==2 and b<1: continue
            for wd in (1.3,1.5,1.8): go(t,"plain",b,b,wide=wd)
    for t in (4,8):
        for b in (1.0,.8):
            for kind in ("plain","weighted"):
                for dk in (0,.15,.3): go(t,kind,b+dk,b-dk,wide=1.5,layers="norm")
                go(t,kind,b,b,wide=1.5,cap=4)
                go(t,kind,b,b,wide=1.5,cap=3)
    for b in (2.0,1.7): 
        for wd in (1.3,1.5): go(1,"plain",b,b,wide=wd)
